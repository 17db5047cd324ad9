/** Every migration this code stands on, as `wrangler d1 migrations apply` names what it applied; a test holds it against migrations/. */
export const MIGRATIONS = [
  '0000_init.sql',
  '0001_revocation_list.sql',
  '0002_deployment.sql',
  '0003_lists.sql',
  '0004_hardware.sql',
  '0005_rejudge.sql',
  '0006_issuer.sql',
  '0007_handles.sql',
  '0008_posture.sql',
  '0009_inventory.sql',
  '0010_erasure.sql',
] as const;

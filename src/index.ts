export { AccountActor, CallActor, default, DeviceActor } from './hosts/cloudflare/entry.ts';

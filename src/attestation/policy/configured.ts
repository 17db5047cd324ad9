/** The policy that a deployment's configuration names: one that ships, one with changes, or a document of its own. */
import * as v from 'valibot';
import { type Policy, type PolicyProblems, readPolicy } from './policy.ts';
import { policies, type PolicyName } from './shipped.ts';

const baseSchema = v.looseObject({
  base: v.optional(v.picklist(Object.keys(policies) as [PolicyName, ...PolicyName[]])),
});

/**
 * `text` is a shipped policy's name, or JSON: a whole document, or `{ "base": "standard", "version": "acme-1", … }` with the
 * fields that differ. Fields of a section (`android`, `apple`, …) are changed one by one, lists are replaced whole.
 */
export function configuredPolicy(text: string): { readonly ok: true; readonly policy: Policy } | PolicyProblems {
  if (text in policies) return { ok: true, policy: policies[text as PolicyName] };
  const names = `one of ${Object.keys(policies).join(', ')}`;
  if (!text.trimStart().startsWith('{')) return refused(`it must be ${names}, or a policy document in JSON`);
  const document = parsed(text);
  const based = v.safeParse(baseSchema, document);
  if (!based.success) return refused(document === undefined ? 'it is not JSON' : `base: it must be ${names}`);
  const { base, ...changes } = based.output;
  if (base === undefined) return readPolicy(changes);
  const { version } = changes as { version?: unknown };
  if (version === undefined || version === policies[base].version)
    return refused('version: a changed policy needs a version of its own, because every verdict names it');
  return readPolicy(merged(policies[base], changes));
}

function refused(problem: string): PolicyProblems {
  return { ok: false, problems: [problem] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function merged(base: object, changes: object): object {
  const fields: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const section = fields[name];
    fields[name] = isSection(section) && isSection(value) ? { ...section, ...value } : value;
  }
  return fields;
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What no deployment that people reach may take: keys that anybody can make. One sentence each. */
export function developmentRules(policy: Policy): readonly string[] {
  const taken = [
    ...policy.formats.filter((format) => format === 'none' || format === 'development').map((name) => `format ${name}`),
    ...policy.hardware
      .filter((hardware) => hardware === 'software' || hardware === 'none')
      .map((name) => `hardware ${name}`),
    ...policy.anchorClasses
      .filter((anchor) => anchor === 'software' || anchor === 'development' || anchor === 'test')
      .map((name) => `anchors of class ${name}`),
    ...(policy.webauthn.selfAttestation ? ['self attestation'] : []),
    ...(policy.android.minimumSecurityLevel === 'software' ? ['Android keys in software'] : []),
  ];
  return taken;
}

/** Formats that are taken only from applications that policy names, and for which it names none. */
export function unnamedApplications({
  formats,
  android,
  apple,
}: Policy): readonly ('android-keystore' | 'app-attest')[] {
  const unnamed = {
    'android-keystore': android.applications.length === 0,
    'app-attest': apple.applications.length === 0,
  };
  return (['android-keystore', 'app-attest'] as const).filter((name) => formats.includes(name) && unnamed[name]);
}

/** The import law of docs/architecture.md as data: what each room of src/ may import. The linter's configuration is generated from it. */

export interface Room {
  /** Rooms of ours, by folder under src/. */
  readonly rooms: readonly string[];
  /** Packages by name; a name also covers its subpaths. */
  readonly packages: readonly string[];
  /** No clock, randomness, network or console: everything arrives as an argument. */
  readonly pure: boolean;
}

const noble = ['@noble/hashes'];

export const law: Readonly<Record<string, Room>> = {
  protocol: { rooms: [], packages: ['valibot'], pure: true },
  bytes: { rooms: [], packages: [], pure: true },
  directory: { rooms: ['protocol', 'bytes'], packages: ['valibot', ...noble, 'libphonenumber-js'], pure: true },
  courier: { rooms: ['protocol', 'bytes'], packages: ['valibot', ...noble], pure: true },
  calls: { rooms: ['protocol', 'bytes'], packages: ['valibot', ...noble], pure: true },
  attestation: {
    rooms: ['protocol', 'bytes'],
    packages: ['valibot', ...noble, '@noble/curves', 'jose'],
    pure: true,
  },
  /** What an identity certificate says and when it is accepted: one judge for server, clients and the CA's own lints. */
  identity: { rooms: ['protocol', 'bytes', 'directory', 'attestation'], packages: ['valibot', ...noble], pure: true },
  ca: {
    rooms: ['protocol', 'bytes', 'directory', 'attestation', 'identity'],
    packages: ['valibot', ...noble, 'jose'],
    pure: true,
  },
  actors: {
    rooms: ['protocol', 'bytes', 'directory', 'courier', 'calls', 'attestation', 'identity', 'ca'],
    packages: ['valibot', ...noble, 'jose'],
    pure: true,
  },
  db: { rooms: ['protocol', 'bytes'], packages: ['drizzle-orm'], pure: true },
  push: { rooms: ['protocol', 'bytes'], packages: ['jose'], pure: false },
  /** STUN and TURN: who relays, and credentials for it. */
  turn: { rooms: ['protocol', 'bytes'], packages: ['valibot', ...noble], pure: false },
  jobs: {
    rooms: ['protocol', 'bytes', 'attestation', 'identity', 'ca', 'actors', 'db', 'push'],
    packages: ['valibot', ...noble],
    pure: false,
  },
  http: {
    rooms: [
      'protocol',
      'bytes',
      'directory',
      'courier',
      'calls',
      'attestation',
      'identity',
      'ca',
      'actors',
      'db',
      'push',
      'turn',
    ],
    packages: ['hono', 'valibot', 'jose', ...noble, '@valibot/to-json-schema', '@simplewebauthn/server'],
    pure: false,
  },
  routes: {
    rooms: [
      'protocol',
      'bytes',
      'directory',
      'courier',
      'calls',
      'attestation',
      'identity',
      'ca',
      'actors',
      'db',
      'http',
      'jobs',
      'push',
      'turn',
    ],
    packages: ['hono', 'valibot', 'libphonenumber-js'],
    pure: false,
  },
  sdk: {
    rooms: ['protocol', 'bytes', 'directory', 'courier', 'calls', 'attestation', 'identity'],
    packages: [
      'valibot',
      ...noble,
      '@noble/curves',
      '@noble/ciphers',
      '@noble/post-quantum',
      'jose',
      '@simplewebauthn/browser',
    ],
    pure: false,
  },
};

/** Rooms that only a host's composition root may reach. */
const HOSTS = ['**/hosts/**', 'cloudflare:*', 'node:*', 'jsr:*', 'npm:*', 'http:*', 'https:*'];

const IMPURE_GLOBALS = [
  'fetch',
  'console',
  'performance',
  'setTimeout',
  'setInterval',
  'WebSocket',
  'caches',
  'process',
  'Deno',
  'Bun',
];
const IMPURE_PROPERTIES = [
  { object: 'Date', property: 'now', message: 'Take `now` as an argument.' },
  { object: 'Math', property: 'random', message: 'Take random bytes as an argument.' },
  { object: 'crypto', property: 'getRandomValues', message: 'Take random bytes as an argument.' },
  { object: 'crypto', property: 'randomUUID', message: 'Take random bytes as an argument.' },
];

const everyPackage = [...new Set(Object.values(law).flatMap((room) => room.packages))];

/** One linter override for a room: what it may not import, and what it may not touch when it is pure. */
export function override(name: string, room: Room): object {
  const foreignRooms = Object.keys(law).filter((other) => other !== name && !room.rooms.includes(other));
  const foreignPackages = everyPackage.filter(
    (candidate) =>
      !room.packages.some(
        (own) => candidate === own || candidate.startsWith(`${own}/`) || own.startsWith(`${candidate}/`),
      ),
  );
  const patterns = [
    { group: HOSTS, message: `src/${name} must run on every host.` },
    {
      group: foreignRooms.map((other) => `**/${other}/**`),
      message: `src/${name} may import only: ${room.rooms.join(', ') || 'nothing of ours'}.`,
    },
    {
      group: foreignPackages.flatMap((other) => [other, `${other}/*`, `${other}/**`]),
      message: `src/${name} may use only: ${room.packages.join(', ') || 'no package'}.`,
    },
  ];
  return {
    files: [`src/${name}/**/*.ts`],
    rules: {
      'no-restricted-imports': ['error', { patterns }],
      ...(room.pure && {
        'no-restricted-globals': ['error', ...IMPURE_GLOBALS],
        'no-restricted-properties': ['error', ...IMPURE_PROPERTIES],
      }),
    },
  };
}

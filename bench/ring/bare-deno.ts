/**
 * Inside Deno: the least that carries an invitation durably to several sockets. It asks nobody who they are, arbitrates nothing and
 * knows no policy: JSON in, one row per device in one commit, a frame to each; an acknowledgment takes its row away.
 * Arguments: file, port.
 */
import { DatabaseSync } from 'node:sqlite';

interface Invitation {
  readonly call: string;
  readonly legs: readonly { readonly device: string; readonly body: string }[];
}

const [file = '', port = ''] = process.argv.slice(2);
const db = new DatabaseSync(file);
db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE row (device TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (device, seq))`);
const [begin, commit] = [db.prepare('BEGIN IMMEDIATE'), db.prepare('COMMIT')];
const insert = db.prepare('INSERT INTO row (device, seq, body) VALUES (?1, ?2, ?3)');
const remove = db.prepare('DELETE FROM row WHERE device = ?1 AND seq <= ?2');
const sockets = new Map<string, WebSocket>();
let seq = 0;

function invite({ call, legs }: Invitation): void {
  begin.run();
  const frames = legs.map(({ device, body }) => {
    insert.run(device, ++seq, JSON.stringify(body));
    return { device, text: JSON.stringify({ type: 'deliver', seq, call, body }) };
  });
  commit.run();
  for (const { device, text } of frames) sockets.get(device)?.send(text);
}

Deno.serve({ hostname: '127.0.0.1', port: Number(port), onListen: () => {} }, (request) => {
  const { socket, response } = Deno.upgradeWebSocket(request, { protocol: 'bare' });
  const device = new URL(request.url).pathname.slice(1);
  sockets.set(device, socket);
  socket.addEventListener('message', ({ data }) => {
    const frame = JSON.parse(data as string) as { upTo: number } | Invitation;
    if ('call' in frame) invite(frame);
    else remove.run(device, frame.upTo);
  });
  return response;
});

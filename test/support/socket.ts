import type { Client } from '../port/world.ts';

/** A WebSocket as the conformance suite uses one. Rejects when the server refuses the upgrade. */
export function openClient(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  const frames: string[] = [];
  socket.addEventListener('message', (event) => frames.push(String(event.data)));
  const closed = new Promise<{ code: number }>((resolve) => {
    socket.addEventListener('close', (event) => resolve({ code: event.code }));
  });
  const client: Client = {
    frames,
    closed,
    send: (said) => socket.send(typeof said === 'string' ? said : JSON.stringify(said)),
    close: () => socket.close(),
  };
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(client));
    socket.addEventListener('error', () => reject(new Error('the upgrade was refused')));
  });
}

import { PING, PONG } from '../../src/protocol/keep-alive.ts';
import type { Client } from '../port/world.ts';

/**
 * A WebSocket as the conformance suite uses one. Rejects when the server refuses the upgrade. Its first frame is a
 * keep-alive: workerd ends the TCP connection of a socket that never sent a frame only when the object leaves memory.
 */
export function openClient(url: string): Promise<Client> {
  const socket = new WebSocket(url);
  const frames: string[] = [];
  let greeted = false;
  socket.addEventListener('message', (event) => {
    if (greeted || event.data !== PONG) frames.push(String(event.data));
    else greeted = true;
  });
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
    socket.addEventListener('open', () => {
      socket.send(PING);
      resolve(client);
    });
    socket.addEventListener('error', () => reject(new Error('the upgrade was refused')));
  });
}

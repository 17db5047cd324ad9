/** What stands behind EMAIL_API_URL and SMS_API_URL: takes letters over HTTP, as a provider of e-mails and text messages does. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Letter {
  readonly kind: 'email' | 'sms';
  readonly to: string;
  readonly code?: string;
  readonly until?: string;
  /** The request's Idempotency-Key. */
  readonly key: string;
}

export interface PostOffice {
  /** Letters that were taken. */
  readonly letters: readonly Letter[];
  /** How often a warning was brought here and not taken. */
  refused: number;
  /** Warnings are answered with 503 while it is true. */
  refuses: boolean;
  readonly settings: Readonly<Record<string, string>>;
  /** The newest code for an address or number. */
  code(to: string): Promise<string>;
  close(): Promise<void>;
}

export async function openPostOffice(): Promise<PostOffice> {
  const letters: Letter[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => void (body += part.toString()));
    request.on('end', () => {
      const kind = request.url === '/sms' ? 'sms' : 'email';
      const letter = { kind, key: String(request.headers['idempotency-key']), ...JSON.parse(body) } as Letter;
      if (letter.until !== undefined && office.refuses) office.refused += 1;
      else letters.push(letter);
      response.writeHead(letter.until !== undefined && office.refuses ? 503 : 202).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const of = (name: string, path: string) => ({
    [`${name}_API_URL`]: `${url}/${path}`,
    [`${name}_API_BODY`]: '{"to":"{{to}}","code":"{{code}}"}',
    [`${name}_API_WARNING`]: '{"to":"{{to}}","until":"{{until}}"}',
  });
  const office: PostOffice = {
    letters,
    refused: 0,
    refuses: false,
    settings: { ...of('EMAIL', 'email'), ...of('SMS', 'sms') },
    code: async (to) => letters.findLast((one) => one.to === to && one.code !== undefined)?.code ?? '',
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return office;
}

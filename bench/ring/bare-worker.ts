/**
 * On workerd: the least that carries an invitation durably to several sockets along the same actors. A device hands it to a call of its own, the
 * call asks an account, and then stores it with every device, which sends it: a row in a commit for each of them, and nothing
 * else. Nobody is authenticated, nothing is arbitrated or judged.
 */
import { DurableObject } from 'cloudflare:workers';

interface Env {
  readonly DEVICES: DurableObjectNamespace<BareDevice>;
  readonly CALLS: DurableObjectNamespace<BareCall>;
  readonly ACCOUNTS: DurableObjectNamespace<BareAccount>;
}

interface Invitation {
  readonly call: string;
  readonly to: string;
  readonly legs: readonly { readonly device: string; readonly body: string }[];
}

class Rows extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(`CREATE TABLE IF NOT EXISTS row (n INTEGER PRIMARY KEY, text TEXT NOT NULL)`);
  }

  protected keep(n: number, text: string): void {
    this.ctx.storage.sql.exec(
      `INSERT INTO row (n, text) VALUES (?1, ?2) ON CONFLICT (n) DO UPDATE SET text = excluded.text`,
      n,
      text,
    );
  }

  protected drop(n: number): void {
    this.ctx.storage.sql.exec(`DELETE FROM row WHERE n = ?1`, n);
  }
}

export class BareCall extends Rows {
  async invite({ call, to, legs }: Invitation): Promise<void> {
    this.keep(0, 'new');
    await this.env.ACCOUNTS.getByName(to).judge(call);
    this.keep(0, 'ringing');
    await Promise.all(legs.map(({ device, body }) => this.env.DEVICES.getByName(device).put(call, body)));
  }
}

export class BareAccount extends Rows {
  judge(call: string): void {
    this.keep(0, call);
  }
}

export class BareDevice extends Rows {
  #seq = 0;

  put(call: string, body: string): void {
    const seq = ++this.#seq;
    this.keep(seq, body);
    for (const socket of this.ctx.getWebSockets()) socket.send(JSON.stringify({ type: 'deliver', seq, call, body }));
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client, headers: { 'Sec-WebSocket-Protocol': 'bare' } });
  }

  override async webSocketMessage(_: WebSocket, text: string | ArrayBuffer): Promise<void> {
    const frame = JSON.parse(text as string) as { readonly upTo: number } | Invitation;
    if ('call' in frame) await this.env.CALLS.getByName(frame.call).invite(frame);
    else this.drop(frame.upTo);
  }
}

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    return env.DEVICES.getByName(new URL(request.url).pathname.slice(1)).fetch(request);
  },
};

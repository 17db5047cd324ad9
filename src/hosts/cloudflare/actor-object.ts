import { DurableObject } from 'cloudflare:workers';
import { nameOf, type Store } from '../../actors/kernel/store.ts';
import type { Actor, Address, Answer, Fault, Json, Mail } from '../../actors/port.ts';
import { PING, PONG } from '../../protocol/keep-alive.ts';
import { Runner, type Platform } from '../runner.ts';
import { ObjectPlatform } from './object-platform.ts';
import { introductionOf, Sockets } from './sockets.ts';
import { SqlStore } from './sql-store.ts';
import type { Ways } from './ways.ts';

/** How long an object that cannot work now leaves itself before its alarm looks again. */
const LOOK_AGAIN_MS = 5_000;
const OUTDATED_LOOK_AGAIN_MS = 60_000;

/** Seams for tests that plant weather and bugs. */
export interface Around<Env> {
  readonly store?: (own: Store, env: Env) => Store;
  readonly platform?: (own: Platform, env: Env) => Platform;
}

/**
 * The Durable Object class of one kind of actor. Every public method is an endpoint that any Worker with the binding can
 * call; what is not meant for them is #private. Schema steps run synchronously inside the first turn that writes, so the
 * constructor blocks nothing and a first touch by a stranger leaves nothing.
 */
export function actorObject<Env>(actor: Actor, ways: (env: Env) => Ways, around: Around<Env> = {}) {
  return class extends DurableObject<Env> {
    readonly #own: ObjectPlatform;
    readonly #platform: Platform;
    readonly #runner: Runner;
    readonly #sockets: Sockets;
    readonly #self: Address;
    #awake: Promise<void> | undefined;

    constructor(ctx: DurableObjectState, env: Env) {
      super(ctx, env);
      const { name } = ctx.id;
      if (name === undefined) throw new Error('an actor is reached by its name');
      ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
      const store = new SqlStore(ctx.storage.sql);
      this.#sockets = new Sockets(ctx);
      this.#own = new ObjectPlatform(actor, ctx.storage, around.store?.(store, env) ?? store, this.#sockets, ways(env));
      this.#platform = around.platform?.(this.#own, env) ?? this.#own;
      this.#runner = new Runner(this.#platform);
      this.#self = { kind: actor.kind, name };
    }

    async command(key: string, body: Json): Promise<Answer> {
      await this.#ready();
      return this.#runner.command(this.#self, null, key, body);
    }

    async ask(from: Address, key: string, body: Json): Promise<Answer> {
      await this.#ready();
      return this.#runner.command(this.#self, from, key, body);
    }

    async receive(mail: Mail): Promise<Answer> {
      await this.#ready();
      try {
        if (nameOf(mail.to) !== nameOf(this.#self)) throw new Error(`mail for ${nameOf(mail.to)} came here`);
        return { ok: true, value: await this.#runner.receive(mail) };
      } catch (error) {
        this.#report('turn-failed', mail.key, error);
        return { ok: false, reason: 'unavailable' };
      }
    }

    async hinted(queue: string, key: string): Promise<Answer> {
      await this.#ready();
      return this.#runner.hinted(this.#self, queue, key);
    }

    /** Opens a socket. The request is one that the Actors client made. */
    override async fetch(request: Request): Promise<Response> {
      const introduction = introductionOf(request);
      if (!introduction) return new Response(null, { status: 404 });
      await this.#ready();
      const id = crypto.randomUUID();
      const client = this.#sockets.accept(id, Date.now());
      if (!(await this.#runner.opened(this.#self, id, introduction.tags, introduction.body))) {
        this.#sockets.close(id, 1011, 'unavailable');
        return new Response(null, { status: 503 });
      }
      const headers = new Headers();
      if (introduction.protocol !== undefined) headers.set('Sec-WebSocket-Protocol', introduction.protocol);
      return new Response(null, { status: 101, webSocket: client, headers });
    }

    override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
      const id = this.#sockets.idOf(socket);
      this.#sockets.heard(socket, id, Date.now());
      await this.#ready();
      await this.#runner.frame(this.#self, id, typeof message === 'string' ? message : new Uint8Array(message));
    }

    /** The closing handshake ends when it is answered: left to itself the runtime does so only when the object leaves memory. */
    override webSocketClose(socket: WebSocket, code: number): Promise<void> {
      this.#sockets.answerClose(socket, code);
      return this.#lost(socket);
    }

    override webSocketError(socket: WebSocket): Promise<void> {
      return this.#lost(socket);
    }

    /** An alarm that throws seven times is dropped for good, so nothing leaves this one. */
    override async alarm(): Promise<void> {
      try {
        await this.#own.learnAlarm(true);
        const ground = this.#own.ground();
        if (ground === 'empty') return;
        if (ground === 'outdated') return this.#lookAgain('outdated', OUTDATED_LOOK_AGAIN_MS, 'newer code wrote here');
        await this.#ready();
        await this.#runner.alarm(this.#self);
      } catch (error) {
        this.#lookAgain('deadline-failed', LOOK_AGAIN_MS, error);
      }
    }

    #lookAgain(type: Fault['type'], afterMs: number, error: unknown): void {
      this.#report(type, 'alarm', error);
      this.#own.arm(this.#self, Date.now() + afterMs);
    }

    /** The first event of an instance waits until sockets that died with the one before have been told. */
    #ready(): Promise<void> {
      this.#awake ??= this.#awaken().catch((error: unknown) => {
        this.#awake = undefined;
        this.#report('turn-failed', 'awaken', error);
      });
      return this.#awake;
    }

    async #awaken(): Promise<void> {
      await this.#own.learnAlarm(false);
      if (this.#own.ground() === 'current') await this.#runner.awaken(this.#self);
    }

    async #lost(socket: WebSocket): Promise<void> {
      await this.#ready();
      await this.#runner.lost(this.#self, this.#sockets.idOf(socket));
    }

    #report(type: Fault['type'], key: string, error: unknown): void {
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      this.#platform.report({ type, actor: this.#self, key, error: text });
    }
  };
}

import type { Actor, Event, Turn } from '../../src/actors/port.ts';

/** Where the process is made to die at an actor's turn: taken and not committed, or durable and nobody told. */
export type Moment = 'before' | 'after';

export interface Point {
  readonly label: string;
  readonly moment: Moment;
}

interface Body {
  readonly do?: string;
  readonly type?: string;
  readonly verb?: { readonly ok?: boolean; readonly verb?: { readonly verb?: string } };
  readonly mail?: { readonly type?: string };
  readonly envelope?: { readonly topic?: string; readonly body?: { readonly type?: string } };
  readonly frame?: { readonly type?: string; readonly verb?: { readonly verb?: string } };
}

/** What a turn is about, in words that are the same in every run: `call verb answer`, `device put invite`. */
export function labelOf(kind: string, event: Event<unknown>): string {
  switch (event.type) {
    case 'command':
      return `${kind} ${aboutCommand(event.body as Body)}`;
    case 'frame':
      return `${kind} frame ${aboutFrame(event.body as Body)}`;
    case 'opened':
    case 'closed':
      return `${kind} ${event.type}`;
    case 'due':
      return `${kind} due ${event.key.split(':')[0]}`;
    case 'hinted':
      return `${kind} hinted ${event.queue}`;
    case 'answered':
      return `${kind} answered by ${event.to.kind}`;
  }
}

function aboutCommand({ do: what = '', verb, mail, envelope }: Body): string {
  if (what === 'verb') return `verb ${verb?.verb?.verb ?? 'unknown'}`;
  if (what === 'call' || what === 'call-mail') return mail?.type ?? what;
  if (what === 'put') return `put ${envelope?.body?.type ?? envelope?.topic ?? ''}`;
  return what;
}

function aboutFrame({ do: what = '', verb, frame }: Body): string {
  if (frame) return frame.type === 'call' ? (frame.verb?.verb ?? 'call') : (frame.type ?? '');
  return verb?.verb?.verb ?? what;
}

/** The turns of these actors, each told by its label, and whose it is, before it is taken; who is told may throw. */
export function told(actors: readonly Actor[], tell: (label: string, name: string) => void): Actor[] {
  return actors.map((actor) => ({
    ...actor,
    turn(t: Turn, event: Event<unknown>) {
      tell(labelOf(actor.kind, event), t.self.name);
      return actor.turn(t, event);
    },
  }));
}

/** What belongs to a call from its invitation to its hang-up; the rest of a server's life is not killed here. */
export function isOfCalls(label: string): boolean {
  return /^(call|account (invite-question|lock-|history)|device (put|frame|answered|opened|closed))/.test(label);
}

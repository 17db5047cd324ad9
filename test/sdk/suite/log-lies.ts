/** A server that shows one device another log than there is: each real prefix becomes a forged one, in frames, counts and answers. */
import { type Liar, liar, type Lies, type Wire } from './lies.ts';

export interface LogLiar extends Liar {
  /** The real log, as far as the device was told of it. */
  readonly real: readonly string[];
  /** What the device said, as it said it. */
  readonly said: Wire[];
}

/** `forge` makes of each prefix of the real log what the device is shown; of a longer prefix it makes something longer, or the same. */
export function logLiar(forge: (real: readonly string[]) => readonly string[], lies: Lies = {}): LogLiar {
  const real: string[] = [];
  const said: Wire[] = [];
  let shown = 0;
  let asked = 0;
  const count = (proofs: number): number => forge(real.slice(0, proofs)).length;

  /** Entries that are new for the device, as frames like this one. */
  function entries(frame: Wire): Wire[] {
    real[frame.place] = frame.proof;
    const whole = real.findIndex((entry) => entry === undefined);
    const forged = forge(whole < 0 ? real : real.slice(0, whole));
    const news = forged.slice(shown).map((proof, at) => ({ ...frame, place: shown + at, proof }));
    shown = Math.max(shown, forged.length);
    return news;
  }

  const one = liar({
    ...lies,
    frame(frame) {
      if (frame.type === 'proof') return entries(frame);
      const told = frame.type === 'prepare' ? { ...frame, proofs: count(frame.proofs) } : frame;
      return lies.frame ? lies.frame(told) : [told];
    },
    verb(verb) {
      said.push(verb);
      const changed = lies.verb ? lies.verb(verb) : verb;
      if (verb.verb !== 'proofs') return changed;
      asked = verb.after;
      return { ...changed, after: 0 };
    },
    reply(reply) {
      if (!reply.proofs) return lies.reply ? lies.reply(reply) : reply;
      for (const [place, proof] of reply.proofs.entries()) real[place] = proof;
      const { group } = reply;
      const forged = forge(reply.proofs).slice(asked);
      shown = Math.max(shown, asked + forged.length);
      return {
        ...reply,
        proofs: forged,
        group: { ...group, proofs: count(group.proofs), prepared: count(group.prepared) },
      };
    },
  });
  return Object.assign(one, { real, said });
}

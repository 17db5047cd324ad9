import type { PushSubscription } from '../../protocol/push.ts';
import type { AppAttestService } from '../attesters/app-attest.ts';
import type { KeystoreKey } from '../attesters/android.ts';
import type { Bytes } from '../crypto/provider.ts';

/** What only the platform's own code can do for a calling application (docs/native.md). Ids are UUIDs in lower case. */
export interface NativeShell {
  readonly hardware: NativeHardware;
  /**
   * Shows an incoming call at once: CallKit's `reportNewIncomingCall`, or a foreground service with a call notification. Of an
   * id that is shown already it only tells the platform that its push was heard.
   */
  reportIncoming(id: string, shown: ShownCall): void;
  /** What became known of a call that is shown. */
  update(id: string, shown: ShownCall): void;
  /** Takes it away, and ends the foreground service with the last one. Once per id. */
  end(id: string, reason: ShownEnd): void;
  /** The shell tells from now on; one listener. Returns how to stop. */
  listen(events: ShellEvents): () => void;
}

export type NativeHardware =
  | { readonly kind: 'app-attest'; readonly service: AppAttestService }
  | {
      readonly kind: 'android-keystore';
      readonly generate: (challenge: Bytes, use: 'identity' | 'posture') => Promise<KeystoreKey>;
    };

export interface ShownCall {
  /** Null while nobody knows: the platform shows "Incoming call". */
  readonly name: string | null;
  readonly media: readonly string[];
}

export type ShownEnd = 'failed' | 'remote-ended' | 'unanswered' | 'answered-elsewhere' | 'declined-elsewhere';

export interface ShellEvents {
  /** A push of the server woke the application; `tag` is all that it carries. A call is reported before this returns. */
  push(tag: string): void;
  /** The user tapped accept. Resolves when the call connected (true) or cannot (false): the platform's action ends so. */
  answered(id: string): Promise<boolean>;
  /** The user declined or hung up in the platform's own surface. */
  ended(id: string): void;
  /** The push service gave a token, at the first start and whenever it changes. */
  pushToken(subscription: PushSubscription): void;
  networkChanged(): void;
}

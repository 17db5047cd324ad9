/**
 * Perfect negotiation (W3C WebRTC §10.7) over sealed signals, which may be lost, late or twice. The callee is polite: when both
 * offer at once, its offer gives way. What is lost is said again: an offer until its answer is there, an answer when its offer
 * comes again; a description that is repeated carries the candidates found meanwhile.
 *
 * The fingerprint of the first description is the peer's for this call. It came under the signal key, which only the device
 * holds that proved its identity key, so DTLS ends at that device and nowhere else. Another one later is refused.
 */
import type { PeerMessage } from './message.ts';
import { type AudioWishes, fingerprintOf, SDP_CHARACTERS, withAudioWishes } from './sdp.ts';

const REPEAT_MS = 1_500;
const REPEATS = 12;
const PARKED_CANDIDATES = 64;

export interface NegotiationPorts {
  readonly polite: boolean;
  send(message: PeerMessage): void;
  after(ms: number, then: () => void): () => void;
  audio(): AudioWishes | null;
  /** Before an answer is made: the streams of the offer can be joined with what is sent here. */
  offered(): void;
  suspicious(reason: string): void;
}

type Description = PeerMessage & { type: 'offer' | 'answer' };
type Candidate = PeerMessage & { type: 'candidate' };

export class Negotiation {
  readonly #peer: RTCPeerConnection;
  readonly #ports: NegotiationPorts;
  #offering = false;
  #number = 0;
  /** Number of the peer's newest offer that was taken. */
  #taken = 0;
  #generation = 0;
  #fingerprint: string | null = null;
  readonly #parked: Candidate[] = [];
  #inbox: Promise<void> = Promise.resolve();
  #stopRepeating: () => void = () => undefined;
  #closed = false;

  constructor(peer: RTCPeerConnection, ports: NegotiationPorts) {
    this.#peer = peer;
    this.#ports = ports;
    peer.addEventListener('negotiationneeded', () => void this.#offer());
    peer.addEventListener('icecandidate', ({ candidate }) => this.#found(candidate));
  }

  /** SHA-256 of the peer's DTLS certificate, hexadecimal; null before its first description. */
  get fingerprint(): string | null {
    return this.#fingerprint;
  }

  /** New candidates and credentials for both sides; media goes on over the old path until the new one is there. */
  restart(): void {
    if (this.#closed) return;
    this.#generation += 1;
    this.#peer.restartIce();
  }

  /** One message at a time, in the order of arrival. */
  heard(message: PeerMessage): Promise<void> {
    this.#inbox = this.#inbox.then(() => this.#hear(message)).catch(() => this.#ports.suspicious('description'));
    return this.#inbox;
  }

  close(): void {
    this.#closed = true;
    this.#stopRepeating();
  }

  async #offer(): Promise<void> {
    if (this.#closed || this.#offering) return;
    try {
      this.#offering = true;
      await this.#peer.setLocalDescription();
      this.#number += 1;
      this.#sayUntilAnswered(this.#number, REPEATS);
    } catch {
      this.#ports.suspicious('offer');
    } finally {
      this.#offering = false;
    }
  }

  #sayUntilAnswered(number: number, left: number): void {
    this.#stopRepeating();
    if (this.#closed || left === 0 || this.#peer.signalingState !== 'have-local-offer') return;
    this.#say('offer', number);
    this.#stopRepeating = this.#ports.after(REPEAT_MS, () => this.#sayUntilAnswered(number, left - 1));
  }

  #say(type: 'offer' | 'answer', number: number): void {
    const local = this.#peer.localDescription;
    if (local?.type !== type) return;
    const sdp = withAudioWishes(local.sdp, this.#ports.audio());
    if (sdp.length > SDP_CHARACTERS) return this.#ports.suspicious('description-too-long');
    this.#ports.send({ type, number, generation: this.#generation, sdp });
  }

  #found(candidate: RTCIceCandidate | null): void {
    if (this.#closed || !candidate?.candidate) return;
    this.#ports.send({
      type: 'candidate',
      generation: this.#generation,
      candidate: candidate.candidate,
      sdpMid: candidate.sdpMid,
      usernameFragment: candidate.usernameFragment,
    });
  }

  async #hear(message: PeerMessage): Promise<void> {
    if (this.#closed) return;
    if (message.type === 'offer') return this.#onOffer(message);
    if (message.type === 'answer') return this.#onAnswer(message);
    if (message.type === 'candidate') return this.#onCandidate(message);
  }

  async #onOffer(offer: Description): Promise<void> {
    // 1. Said again because our answer was lost, or overtaken by a newer one.
    if (offer.number < this.#taken) return;
    if (offer.number === this.#taken) return this.#say('answer', offer.number);
    // 2. Both offered: the impolite side's stands.
    const collides = this.#offering || this.#peer.signalingState !== 'stable';
    if (!this.#ports.polite && collides) return;
    // 3. Under the fingerprint of this call.
    if (!this.#knownFingerprint(offer.sdp)) return;
    // 4. Taken; the polite side's own offer is rolled back by it and made again once this one is answered.
    await this.#peer.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
    this.#taken = offer.number;
    this.#generation = Math.max(this.#generation, offer.generation);
    this.#stopRepeating();
    this.#ports.offered();
    await this.#peer.setLocalDescription();
    this.#say('answer', offer.number);
    await this.#unpark();
  }

  async #onAnswer(answer: Description): Promise<void> {
    if (answer.number !== this.#number || this.#peer.signalingState !== 'have-local-offer') return;
    if (!this.#knownFingerprint(answer.sdp)) return;
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer.sdp });
    this.#stopRepeating();
    await this.#unpark();
  }

  #knownFingerprint(sdp: string): boolean {
    const shown = fingerprintOf(sdp);
    const known = this.#fingerprint ?? shown;
    if (shown === null || shown !== known) {
      this.#ports.suspicious('fingerprint');
      return false;
    }
    this.#fingerprint = shown;
    return true;
  }

  async #onCandidate(candidate: Candidate): Promise<void> {
    if (candidate.generation < this.#generation) return;
    if (!this.#peer.remoteDescription || candidate.generation > this.#generation) {
      if (this.#parked.length < PARKED_CANDIDATES) this.#parked.push(candidate);
      return;
    }
    await this.#add(candidate);
  }

  async #unpark(): Promise<void> {
    for (const candidate of this.#parked.splice(0)) await this.#onCandidate(candidate);
  }

  /** One that does not fit any more is of no harm: the description that replaced its own brings newer ones. */
  async #add({ candidate, sdpMid, usernameFragment }: Candidate): Promise<void> {
    await this.#peer.addIceCandidate({ candidate, sdpMid, usernameFragment }).catch(() => undefined);
  }
}

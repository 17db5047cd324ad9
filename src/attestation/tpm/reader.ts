/** Reads TPM structures: big-endian integers and TPM2B byte strings (TPM 2.0 Library, Part 2 §4.4, §10.4). Never throws: a read past the end yields zeros, and `whole` tells. */
export class TpmReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #broken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    return this.take(1)[0]!;
  }

  u16(): number {
    const bytes = this.take(2);
    return (bytes[0]! << 8) | bytes[1]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#at + length > this.#bytes.length) {
      this.#broken = true;
      return new Uint8Array(Math.min(length, 8));
    }
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  /** TPM2B: u16 size, then that many bytes. */
  sized(): Uint8Array<ArrayBuffer> {
    return this.take(this.u16());
  }

  /** Marks the structure as unreadable: a selector or value that this code does not know. */
  refuse(): null {
    this.#broken = true;
    return null;
  }

  get broken(): boolean {
    return this.#broken;
  }

  /** Every read was inside, nothing was refused, and no byte is left over. */
  get whole(): boolean {
    return !this.#broken && this.#at === this.#bytes.length;
  }

  get rest(): number {
    return this.#bytes.length - this.#at;
  }
}

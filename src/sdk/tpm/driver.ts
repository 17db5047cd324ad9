/**
 * The way to one TPM 2.0: a character device, a socket, a system service. It carries one command at a time and brings
 * back the whole response; whoever implements it makes callers queue. It never looks inside.
 */
export interface TpmDriver {
  /** `command` is a complete TPM command (Part 1 §18); the answer is the complete response. Rejects when the TPM is gone. */
  transmit(command: Uint8Array): Promise<Uint8Array>;
}

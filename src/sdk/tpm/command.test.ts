import { describe, expect, it } from 'vitest';
import { hex } from '../../bytes/hex.ts';
import { concat, u16, u32 } from '../../bytes/join.ts';
import { execute, HANDLE, TpmError } from './command.ts';
import { Tpm } from './tpm.ts';

/** A TPM that answers what it is told, one answer after the other, and remembers what it was sent. */
function scripted(...answers: readonly Uint8Array[]) {
  const sent: string[] = [];
  const transmit = async (command: Uint8Array): Promise<Uint8Array> => {
    sent.push(hex(command));
    return answers[Math.min(sent.length, answers.length) - 1]!;
  };
  return { sent, driver: { transmit } };
}

const answer = (code: number, ...body: readonly Uint8Array[]): Uint8Array => {
  const rest = concat(...body);
  return concat(u16(0x8001), u32(rest.length + 10), u32(code), rest);
};

describe('a command', () => {
  it('without authorization is tag, size, code, handles and parameters (Part 1 §18)', async () => {
    const { sent, driver } = scripted(answer(0, u16(2), u16(0xabcd)));
    expect(await new Tpm(driver).random(16)).toEqual(u16(0xabcd));
    expect(sent).toEqual(['80010000000c0000017b0010']);
  });

  it('with authorization carries one empty password per handle', async () => {
    const { sent, driver } = scripted(answer(0));
    await execute(driver, { name: 'EvictControl', handles: [1, 2], sessions: [HANDLE.password], parameters: [u32(3)] });
    expect(sent).toEqual(['8002000000230000012000000001000000020000000940000009000000000000000003']);
  });

  it('is sent again while the TPM asks for it, and not for ever', async () => {
    const patient = scripted(answer(0x922), answer(0x922), answer(0, u16(0)));
    await new Tpm(patient.driver).random(1);
    expect(patient.sent.length).toBe(3);
    const stuck = scripted(answer(0x922));
    await expect(new Tpm(stuck.driver).random(1)).rejects.toThrow('0x922');
    expect(stuck.sent.length).toBe(21);
  });

  it('that the TPM refuses throws its name and code', async () => {
    const { driver } = scripted(answer(0x101));
    const failure = await new Tpm(driver).random(1).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TpmError);
    expect(failure).toMatchObject({ command: 'GetRandom', code: 0x101 });
  });

  it('answered with too few bytes throws, too', async () => {
    const { driver } = scripted(new Uint8Array(6));
    await expect(new Tpm(driver).random(1)).rejects.toBeInstanceOf(TpmError);
  });

  it('about nothing at a handle is answered with null where nothing is an answer', async () => {
    const { driver } = scripted(answer(0x18b));
    expect(await new Tpm(driver).readPublic(0x81000000)).toBeNull();
    expect(await new Tpm(driver).readNv(0x01c00002)).toBeNull();
  });
});

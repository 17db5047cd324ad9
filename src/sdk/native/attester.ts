import { androidKeystoreAttester } from '../attesters/android.ts';
import { appAttestAttester } from '../attesters/app-attest.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';
import type { NativeHardware } from './shell.ts';

/** How this platform's hardware vouches for the device: at the enrollment, and when a renewal asks for it again. */
export function shellAttester(crypto: CryptoProvider, hardware: NativeHardware): Attester {
  return hardware.kind === 'app-attest'
    ? appAttestAttester(crypto, hardware.service)
    : androidKeystoreAttester(hardware.generate);
}

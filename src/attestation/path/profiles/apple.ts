/** Apple: a short-lived leaf that signs nothing but statements. */
import { invalid, type Profile } from '../profile.ts';
import { strict } from './strict.ts';

const SPEC = 'RFC 5280 §4.2.1.9';

export const apple: Profile = {
  ...strict,
  id: 'apple',
  leafMayBeAnchor: false,
  rules: ([leaf]) =>
    leaf?.basicConstraints?.ca === false ? null : invalid(0, 'apple.leaf', SPEC, 'the leaf is not marked as no CA'),
};

/** The curve in JavaScript, loaded when first used; the one name, so that a bundler leaves the package's other curves out. */
export { p256 } from '@noble/curves/nist.js';

/** `./sdk/native` of the package: between a platform's call screen and a client. */
export { shellAttester } from './attester.ts';
export { NativeCalls, type NativeOptions, type WakeableClient } from './calls.ts';
export { type NativeHardware, type NativeShell, type ShellEvents, type ShownCall, type ShownEnd } from './shell.ts';

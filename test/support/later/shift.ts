const REAL = Symbol.for('the clock of the machine');

/** Every clock of this process, `ms` ahead: for programs of tests that stand in for days that passed. Said again it counts anew. */
export function shiftClock(ms: number): void {
  const kept = globalThis as unknown as { [REAL]?: DateConstructor };
  const Now = (kept[REAL] ??= Date);
  globalThis.Date = new Proxy(Now, {
    construct: (_, given: unknown[]) => Reflect.construct(Now, given.length === 0 ? [Now.now() + ms] : given) as Date,
    get: (target, name) => (name === 'now' ? () => Now.now() + ms : Reflect.get(target, name)),
  });
}

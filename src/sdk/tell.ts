/** Tells the application. What it throws is its own, and keeps nothing here from going on. */
export function tell<E extends readonly unknown[]>(listener: ((...event: E) => void) | undefined, ...event: E): void {
  try {
    listener?.(...event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

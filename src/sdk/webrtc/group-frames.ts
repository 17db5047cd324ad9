/** The keys of a call's group in the worker that encrypts its frames, for as long as they hold. */
import type { Call } from '../calls/call.ts';
import type { FrameOrder, FrameReport } from './frames.ts';

/**
 * Tells the worker, which runs `serveFrames(self)`, the group's keys now and whenever they change, has fresh ones made before one is
 * used up, and erases them with the end of the call. One worker for all streams of a call: a second one would repeat counters under
 * the same key. Returns how to stop early.
 */
export function groupFrames(call: Pick<Call, 'group' | 'on' | 'phase'>, worker: Worker): () => void {
  const { group } = call;
  const order = (what: FrameOrder) => worker.postMessage(what);
  const heard = ({ data }: MessageEvent<FrameReport>) => {
    if (data.type === 'rekey') group?.rekey();
  };
  const stops = [
    group?.on('frameKeys', (keys) => order({ type: 'group', ...keys })),
    call.on('ended', () => stop()),
    () => worker.removeEventListener('message', heard),
  ];
  function stop(): void {
    for (const end of stops) end?.();
    order({ type: 'erase' });
  }
  worker.addEventListener('message', heard);
  if (group) order({ type: 'group', ...group.frameKeys });
  if (call.phase === 'ended') stop();
  return stop;
}

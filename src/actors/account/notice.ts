import type { AccountFrame } from '../../protocol/account-news.ts';
import { TOPIC } from '../../protocol/courier.ts';
import type { Envelope } from '../../protocol/envelope.ts';
import type { Json, Turn } from '../port.ts';
import { devicesOf } from './devices.ts';

const NEWS_LIFE_MS = 7 * 86_400_000;
const MAIL_LIFE_MS = 22 * 3_600_000;

/** One piece of news for every device of the account that is in service, through its mailbox. `id` makes a repeat the same news. */
export function tellDevices(t: Turn, topic: string, body: object, id: string): void {
  for (const { device, status } of devicesOf(t)) if (status === 'active') put(t, device, topic, body, id);
}

/** What is about the account itself. */
export function tellAccount(t: Turn, news: AccountFrame, id: string): void {
  tellDevices(t, TOPIC.account, news, id);
}

/** The same for one of its devices. */
export function tellDevice(t: Turn, device: string, news: AccountFrame, id: string): void {
  put(t, device, TOPIC.account, news, id);
}

function put(t: Turn, device: string, topic: string, body: object, id: string): void {
  const envelope: Envelope = {
    id,
    topic,
    from: null,
    collapse: null,
    expires: t.now + NEWS_LIFE_MS,
    priority: 'normal',
    control: false,
    volatile: false,
    receipt: null,
    order: null,
    push: null,
    body,
  };
  const command = { do: 'put', envelope: envelope as unknown as Json };
  t.post({ kind: 'device', name: device }, 'news', command, t.now + MAIL_LIFE_MS);
}

/** The Worker of src/index.ts with what test/courier/plant.ts plants. */
import { account } from '../../src/actors/account/account.ts';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import { actorObject } from '../../src/hosts/cloudflare/actor-object.ts';
import { ObjectActors } from '../../src/hosts/cloudflare/actors.ts';
import { bindings } from '../../src/hosts/cloudflare/bindings.ts';
import entry from '../../src/hosts/cloudflare/entry.ts';
import { counted, planted } from '../courier/plant.ts';

export const AccountActor = actorObject<CloudflareBindings>(counted(account), bindings);
export const DeviceActor = actorObject<CloudflareBindings>(counted(device), bindings);
export const CallActor = actorObject<CloudflareBindings>(counted(call), bindings);

export default {
  ...entry,
  async fetch(request, env, context) {
    const answer = await planted(request, () => new ObjectActors(bindings(env)));
    return (answer as never) ?? entry.fetch(request as never, env, context);
  },
} satisfies ExportedHandler<CloudflareBindings>;

/** Every construction of constructions.json by the code of src, under the same names and inputs. */
import { account } from './ours/account.ts';
import { groups } from './ours/groups.ts';
import type { Table } from './ours/input.ts';
import { media } from './ours/media.ts';
import { requests } from './ours/requests.ts';
import { sealing } from './ours/sealing.ts';

export const ours: Table = { ...sealing, ...media, ...groups, ...account, ...requests };

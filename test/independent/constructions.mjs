/**
 * Every construction of the pages once more, each from its own inputs: written from docs/protocol alone, no code of src. Names and
 * inputs are those of test/vectors/constructions.json; byte strings are hexadecimal, text is text.
 */
import { account } from './constructions/account.mjs';
import { groups } from './constructions/groups.mjs';
import { media } from './constructions/media.mjs';
import { requests } from './constructions/requests.mjs';
import { sealing } from './constructions/sealing.mjs';

export const constructions = { ...sealing, ...media, ...groups, ...account, ...requests };

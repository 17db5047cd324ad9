/** Why the server does not start; its message is a sentence for the operator. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** A method did something that its test has not scripted. The message says how to script it. */
export class NotScripted extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotScripted";
  }
}

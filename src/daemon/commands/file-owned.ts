/** Which objects a configuration file declares. Commands leave those alone: the next reload would change them back. */
import { declaredInFile } from '../../errors.js';

/** Of an object that was declared in an earlier life of the daemon, until the file has been read. */
const SOMEWHERE = 'a configuration file';

export class FileOwned {
  /** By name, FILE:LINE. */
  readonly #places = new Map<string, string>();

  has(name: string): boolean {
    return this.#places.has(name);
  }

  get names(): string[] {
    return [...this.#places.keys()];
  }

  /** FILE:LINE, or null. */
  place(name: string): string | null {
    return this.#places.get(name) ?? null;
  }

  add(name: string, place: string): void {
    this.#places.set(name, place);
  }

  delete(name: string): void {
    this.#places.delete(name);
  }

  /** Throws when the object is declared. */
  refuse(name: string): void {
    const place = this.#places.get(name);
    if (place !== undefined) throw declaredInFile(name, place);
  }

  /** As the state directory says. */
  restore({ name, declared }: { readonly name: string; readonly declared?: true | undefined }): void {
    if (declared === true) this.add(name, SOMEWHERE);
  }

  /** For the state directory. */
  stored(name: string): { declared?: true } {
    return this.has(name) ? { declared: true } : {};
  }
}

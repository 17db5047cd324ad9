import { readFileSync } from 'node:fs';

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** A page of the documentation, as its tests read it. */
export class Page {
  readonly text: string;

  constructor(path: string) {
    this.text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  }

  /** Rows of all tables, cells trimmed, without header rules. */
  get rows(): string[][] {
    return this.text
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^\|[\s:|-]+$/.test(line))
      .map((line) =>
        line
          .slice(1, line.lastIndexOf('|'))
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim()),
      );
  }

  /** Whether some table's first cell is this name in code style. */
  names(name: string): boolean {
    return this.rows.some(([first]) => first?.split(', ').includes(`\`${name}\``));
  }

  /** Fenced blocks, in order. */
  get blocks(): Block[] {
    return [...this.text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language = '', text = '']) => ({
      language,
      text,
    }));
  }
}

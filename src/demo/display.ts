import { type Style, type View, line, screen } from './picture.ts';

export interface Surface {
  readonly isTerminal: boolean;
  readonly columns: () => number;
  readonly write: (text: string) => void;
}

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

/** Redraws in place on a terminal; elsewhere every view is a line. Colours unless NO_COLOR (https://no-color.org). */
export class Display {
  readonly #surface: Surface;
  readonly #color: boolean;
  #drawn = 0;

  constructor(surface: Surface, env: Readonly<Record<string, string | undefined>>) {
    this.#surface = surface;
    this.#color = surface.isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  }

  /** A line that stays. */
  say(text: string): void {
    this.#drawn = 0;
    this.#surface.write(`${text}\n`);
  }

  /** Progress: on a terminal it replaces the progress before it. */
  progress(text: string): void {
    if (this.#surface.isTerminal) this.#redraw([text]);
    else this.say(text);
  }

  show(view: View): void {
    if (!this.#surface.isTerminal) {
      this.say(line(view));
      return;
    }
    const style: Style = { columns: this.#surface.columns(), color: this.#color };
    this.#redraw(screen(view, style));
  }

  /** Gives the cursor back. */
  end(): void {
    if (this.#surface.isTerminal) this.#surface.write(SHOW_CURSOR);
  }

  #redraw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\u001b[${this.#drawn}A` : '';
    this.#surface.write(`${HIDE_CURSOR}${up}\r\u001b[J${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }
}

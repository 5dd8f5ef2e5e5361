import { EventEmitter } from './events.ts';
import { Levels } from './levels.ts';
import type { Dimensions } from './roster.ts';
import { Widget, type Target, type WidgetOptions, type WidgetStyle } from './widget.ts';

/** A publisher or a subscriber, as far as it is something that a page shows. */
export abstract class Shown extends EventEmitter {
  /** Undefined where the page wants no element. */
  element: HTMLElement | undefined;
  id: string | undefined;
  protected readonly widget: Widget;
  protected readonly levels: Levels;
  #size: Dimensions = { width: 0, height: 0 };

  /** @internal */
  constructor(target: Target, options: Omit<WidgetOptions, 'muted'>) {
    super();
    this.widget = new Widget(target, { ...options, muted: () => this.toggleSound() });
    this.element = this.widget.element;
    this.id = this.widget.id;
    this.widget.video.addEventListener('resize', () => this.#resized());
    this.levels = new Levels(
      () => this.level(),
      (audioLevel) => {
        this.widget.setLevel(audioLevel);
        this.dispatch('audioLevelUpdated', { about: { audioLevel } });
      },
    );
  }

  /** How loud it is now: 0 to 1. */
  protected abstract level(): number;

  /** The user pressed the button that mutes. */
  protected abstract toggleSound(): void;

  /** The picture now, as PNG in base64; null where there is none. */
  getImgData(): string | null {
    return this.widget.image();
  }

  getStyle(): WidgetStyle {
    return this.widget.getStyle();
  }

  /** Takes a name and a value, or an object of them. */
  setStyle(style: string | Partial<WidgetStyle>, value?: unknown): this {
    this.widget.setStyle(typeof style === 'string' ? { [style]: value } : style);
    return this;
  }

  videoWidth(): number | undefined {
    return this.widget.video.videoWidth || undefined;
  }

  videoHeight(): number | undefined {
    return this.widget.video.videoHeight || undefined;
  }

  #resized(): void {
    const { videoWidth: width, videoHeight: height } = this.widget.video;
    const oldValue = this.#size;
    if (width === 0 || (width === oldValue.width && height === oldValue.height)) return;
    this.#size = { width, height };
    if (oldValue.width > 0) this.dispatch('videoDimensionsChanged', { about: { oldValue, newValue: this.#size } });
  }
}

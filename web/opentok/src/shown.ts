import { EventEmitter } from './events.ts';
import { Levels } from './levels.ts';
import type { Dimensions } from './roster.ts';
import { Widget, type Target, type WidgetOptions, type WidgetStyle } from './widget.ts';

/** The common part of publishers and subscribers: an element in the page, its video and its audio level. */
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

  /** The audio level now: 0 to 1. */
  protected abstract level(): number;

  /** Called when the user presses the mute button. */
  protected abstract toggleSound(): void;

  /** Returns the current picture as PNG in base64; null where there is none. */
  getImgData(): string | null {
    return this.widget.image();
  }

  getStyle(): WidgetStyle {
    return this.widget.getStyle();
  }

  /** Sets one style by name and value, or several by an object. */
  setStyle(style: string | Partial<WidgetStyle>, value?: unknown): this {
    this.widget.setStyle(typeof style === 'string' ? { [style]: value } : style);
    return this;
  }

  videoWidth(): number | undefined {
    return this.#shownSize().width || undefined;
  }

  videoHeight(): number | undefined {
    return this.#shownSize().height || undefined;
  }

  /**
   * The element knows a size earlier than its event is heard, and may have another one by then. After a size that was told here
   * videoDimensionsChanged tells the next one.
   */
  #shownSize(): Dimensions {
    return this.widget.video.videoWidth > 0 ? this.#size : { width: 0, height: 0 };
  }

  #resized(): void {
    const { videoWidth: width, videoHeight: height } = this.widget.video;
    const oldValue = this.#size;
    if (width === 0 || (width === oldValue.width && height === oldValue.height)) return;
    this.#size = { width, height };
    if (oldValue.width > 0) this.dispatch('videoDimensionsChanged', { about: { oldValue, newValue: this.#size } });
  }
}

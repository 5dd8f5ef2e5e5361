// The element of a publisher or subscriber, with OpenTok's class names, which pages style and wait for. No markup and no style
// attribute is written, so that it works under a content security policy without inline styles.
import { uniqueId } from './ids.ts';

export interface WidgetProperties {
  fitMode?: 'cover' | 'contain';
  insertDefaultUI?: boolean;
  insertMode?: 'replace' | 'after' | 'before' | 'append';
  showControls?: boolean;
  width?: string | number;
  height?: string | number;
}

export interface WidgetStyle {
  audioLevelDisplayMode: 'auto' | 'on' | 'off';
  backgroundImageURI: string;
  buttonDisplayMode: 'auto' | 'on' | 'off';
  nameDisplayMode: 'auto' | 'on' | 'off';
  videoDisabledDisplayMode: 'auto' | 'on' | 'off';
  archiveStatusDisplayMode: 'auto' | 'off';
  audioBlockedDisplayMode: 'auto' | 'on' | 'off';
}

export type Target = HTMLElement | string | null | undefined;

/** OpenTok's default size, in pixels. */
const defaultSize = { width: 264, height: 198 };

export interface WidgetOptions extends WidgetProperties {
  readonly kind: 'publisher' | 'subscriber';
  readonly name: string;
  readonly mirror: boolean;
  readonly style: Partial<WidgetStyle>;
  /** Called when the user presses the mute button. */
  muted(): void;
}

export class Widget {
  /** The outer element; undefined where the page wants no element. */
  readonly element: HTMLElement | undefined;
  readonly video = document.createElement('video');
  readonly #style: WidgetStyle;
  readonly #parts: { name: HTMLElement; mute: HTMLElement; meter: HTMLElement; level: HTMLElement; poster: HTMLElement };

  constructor(target: Target, options: WidgetOptions) {
    const { video } = this;
    video.className = 'OT_video-element';
    video.autoplay = true;
    video.playsInline = true;
    video.setAttribute('playsinline', '');
    video.muted = options.kind === 'publisher';
    const part = (tag: string, classes: string) => Object.assign(document.createElement(tag), { className: classes });
    const level = part('div', 'OT_audio-level-meter__value');
    const parts = {
      name: part('h1', 'OT_name OT_edge-bar-item'),
      mute: part('button', 'OT_mute OT_edge-bar-item'),
      meter: part('div', 'OT_audio-level-meter'),
      poster: part('div', 'OT_video-poster'),
      level,
    };
    this.#parts = parts;
    parts.name.textContent = options.name;
    parts.meter.append(level);
    Object.assign(parts.mute, { type: 'button', ariaLabel: 'Mute' });
    parts.mute.addEventListener('click', () => options.muted());
    const shown = options.showControls === false ? 'off' : 'auto';
    this.#style = {
      audioLevelDisplayMode: shown,
      backgroundImageURI: '',
      buttonDisplayMode: shown,
      nameDisplayMode: shown,
      videoDisabledDisplayMode: shown,
      archiveStatusDisplayMode: shown,
      audioBlockedDisplayMode: shown,
    };
    if (options.insertDefaultUI !== false) {
      const container = part('div', 'OT_widget-container');
      container.append(video, parts.poster);
      this.element = placed(target, options.insertMode);
      this.element.classList.add('OT_root', `OT_${options.kind}`, 'OT_loading', `OT_fit-mode-${options.fitMode ?? 'cover'}`);
      this.element.classList.toggle('OT_mirrored', options.mirror);
      this.element.replaceChildren(container, parts.name, parts.mute, parts.meter);
      this.element.style.width = size(options.width ?? defaultSize.width);
      this.element.style.height = size(options.height ?? defaultSize.height);
      takeNumbers(this.element);
    }
    this.setStyle(options.style);
    for (const event of ['loadeddata', 'playing']) video.addEventListener(event, () => this.loaded());
  }

  /** The id of the outer element. */
  get id(): string | undefined {
    return this.element?.id;
  }

  /** Plays media in the video element. Rejects as the browser's play() does. */
  show(media: MediaStream): Promise<void> {
    if (this.video.srcObject !== media) this.video.srcObject = media;
    return this.video.play();
  }

  /** Removes the loading state: there is a picture, or none to wait for. */
  loaded(): void {
    this.element?.classList.remove('OT_loading');
  }

  /** Shows whether the picture and the sound are on. */
  setState({ video, audio }: { video: boolean; audio: boolean }): void {
    this.element?.classList.toggle('OT_audio-only', !video);
    this.#parts.mute.classList.toggle('OT_active', !audio);
    this.#parts.mute.ariaLabel = audio ? 'Mute' : 'Unmute';
    this.#parts.mute.ariaPressed = String(!audio);
    if (!video) this.loaded();
  }

  setLevel(level: number): void {
    this.#parts.level.style.width = `${Math.round(level * 100)}%`;
  }

  setName(name: string): void {
    this.#parts.name.textContent = name;
  }

  setMirror(on: boolean): void {
    this.element?.classList.toggle('OT_mirrored', on);
  }

  /** Sets styles. Unknown names are ignored. */
  setStyle(style: Partial<WidgetStyle>): void {
    for (const [name, value] of Object.entries(style)) if (name in this.#style) Object.assign(this.#style, { [name]: value });
    const { nameDisplayMode, buttonDisplayMode, audioLevelDisplayMode, backgroundImageURI } = this.#style;
    mode(this.#parts.name, nameDisplayMode);
    mode(this.#parts.mute, buttonDisplayMode);
    mode(this.#parts.meter, audioLevelDisplayMode);
    this.#parts.poster.style.backgroundImage = backgroundImageURI && `url(${JSON.stringify(imageAddress(backgroundImageURI))})`;
  }

  getStyle(): WidgetStyle {
    return { ...this.#style };
  }

  /** Returns the current picture as PNG in base64; null where there is none. */
  image(): string | null {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (width === 0) return null;
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    canvas.getContext('2d')?.drawImage(this.video, 0, 0);
    return canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
  }

  /** Removes the outer element from the page. */
  destroy(): void {
    this.video.srcObject = null;
    this.element?.remove();
  }
}

/** Returns an image's address: the given one, or a data address for PNG in base64, which getImgData returns. */
function imageAddress(image: string): string {
  return /^(https?|data|blob):|^[./]/.test(image) ? image : `data:image/png;base64,${image}`;
}

function mode(part: HTMLElement, value: string): void {
  for (const each of ['auto', 'on', 'off']) part.classList.toggle(`OT_mode-${each}`, each === value);
}

/** Returns the outer element: the target itself, which keeps its id, or a new element beside it or in it. */
function placed(target: Target, insertMode: WidgetProperties['insertMode'] = 'replace'): HTMLElement {
  const found = typeof target === 'string' ? document.getElementById(target) : target;
  if (found && insertMode === 'replace') return found;
  const element = document.createElement('div');
  element.id = typeof target === 'string' && !found ? target : uniqueId();
  if (!found) document.body.append(element);
  else if (insertMode === 'before') found.before(element);
  else if (insertMode === 'after') found.after(element);
  else found.append(element);
  return element;
}

/** Returns a CSS length: numbers, also as text, are pixels. */
function size(given: string | number): string {
  return typeof given === 'number' || /^\d+(\.\d+)?$/.test(given) ? `${given}px` : given;
}

const sides = { width: 'offsetWidth', height: 'offsetHeight' } as const;

/**
 * Makes the properties and attributes `width` and `height` of an element set its size, as they do for the object elements that
 * Flash played in. Pages of the first version and their layouts set only these.
 */
function takeNumbers(element: HTMLElement): void {
  const set = (side: keyof typeof sides, value: string | number) => (element.style[side] = size(value));
  for (const [side, measured] of Object.entries(sides) as [keyof typeof sides, 'offsetWidth' | 'offsetHeight'][]) {
    if (side in Object.getPrototypeOf(element)) continue; // a canvas, for one, has a width of another meaning
    Object.defineProperty(element, side, { configurable: true, get: () => element[measured], set: (value: string | number) => set(side, value) });
  }
  const observer = new MutationObserver((changes) => {
    for (const { attributeName: side } of changes) {
      const value = element.getAttribute(side as string);
      if (value !== null) set(side as keyof typeof sides, value);
    }
  });
  observer.observe(element, { attributeFilter: Object.keys(sides) });
}

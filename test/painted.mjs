// Painted cameras, so that screenshots show people rather than a test pattern. The media is real: the stream of a canvas, sent as
// a camera's is.

/** Runs in a page before its scripts: replaces cameras and screens by paintings. `hue` differs for each person; `small`
 * pictures cost little, for tests with many of them. */
export function paintCamera({ hue, small = false }) {
  const framesPerSecond = small ? 1 : 8;
  const { mediaDevices } = navigator;
  const original = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (constraints) => (constraints.video ? painted(paintPerson) : original(constraints));
  mediaDevices.getDisplayMedia = async () => painted(paintSlide);

  function painted(paint) {
    const scale = small ? 0.125 : paint === paintSlide ? 1 : 0.75;
    const canvas = Object.assign(document.createElement('canvas'), { width: 1280 * scale, height: 720 * scale });
    const context = canvas.getContext('2d');
    context.scale(scale, scale);
    let frame = 0;
    const next = () => paint(context, frame++ / framesPerSecond);
    next();
    const stream = canvas.captureStream(framesPerSecond);
    const timer = setInterval(next, 1_000 / framesPerSecond);
    const [track] = stream.getVideoTracks();
    const stop = track.stop.bind(track);
    track.stop = () => (clearInterval(timer), stop());
    return stream;
  }

  /** Paints a person before a window, moving a little. */
  function paintPerson(c, time) {
    const wall = c.createLinearGradient(0, 0, 1280, 720);
    wall.addColorStop(0, `oklch(0.86 0.05 ${hue})`);
    wall.addColorStop(1, `oklch(0.68 0.07 ${hue + 30})`);
    fill(c, wall, () => c.rect(0, 0, 1280, 720));
    fill(c, `oklch(0.95 0.03 ${hue + 60} / 0.7)`, () => c.roundRect(840, 60, 320, 330, 18));
    fill(c, `oklch(0.68 0.07 ${hue + 15})`, () => c.rect(994, 60, 12, 330));
    fill(c, `oklch(0.5 0.06 ${hue + 120} / 0.8)`, () => {
      for (const [x, y, turn] of [[150, 470, -0.5], [190, 430, 0], [235, 470, 0.5]]) c.ellipse(x, y, 34, 110, turn, 0, 7);
    });
    fill(c, `oklch(0.42 0.05 ${hue + 200})`, () => c.roundRect(140, 540, 110, 130, 12));
    const x = 620 + Math.sin(time * 0.8) * 14;
    const y = 330 + Math.sin(time * 1.3) * 6;
    const skin = `oklch(${0.6 + (hue % 5) * 0.06} 0.06 ${50 + (hue % 3) * 8})`;
    fill(c, `oklch(0.42 0.09 ${hue + 180})`, () => c.ellipse(x, 790, 330, 300, 0, 0, 7));
    fill(c, skin, () => c.roundRect(x - 55, y + 90, 110, 150, 50));
    fill(c, `oklch(0.3 0.04 ${40 + (hue % 4) * 12})`, () => c.ellipse(x, y - 30, 158, 170, 0, 0, 7));
    fill(c, skin, () => c.ellipse(x, y + 20, 126, 152, 0, 0, 7));
    fill(c, `oklch(0.3 0.04 ${40 + (hue % 4) * 12})`, () => c.ellipse(x - 20, y - 108, 140, 62, -0.15, 0, 7));
    fill(c, 'oklch(0.25 0.03 40)', () => {
      c.ellipse(x - 48, y + 14, 10, 12, 0, 0, 7);
      c.ellipse(x + 48, y + 14, 10, 12, 0, 0, 7);
    });
    c.strokeStyle = 'oklch(0.35 0.07 30)';
    c.lineWidth = 8;
    c.lineCap = 'round';
    c.beginPath();
    c.arc(x, y + 66, 44, 0.35, Math.PI - 0.35);
    c.stroke();
  }

  /** Paints a slide of a talk. */
  function paintSlide(c, time) {
    fill(c, '#fbfaf7', () => c.rect(0, 0, 1280, 720));
    c.fillStyle = '#15322c';
    c.font = '700 58px sans-serif';
    c.fillText('Agenda', 90, 140);
    ['Where we are', 'What comes next', 'Questions'].forEach((text, index) => {
      const y = 260 + index * 130;
      fill(c, index === 0 ? '#0b6a5d' : '#d5ece5', () => c.arc(122, y - 12, 32, 0, 7));
      c.font = '700 32px sans-serif';
      c.fillStyle = index === 0 ? '#ffffff' : '#0b6a5d';
      c.fillText(String(index + 1), 113, y - 1);
      c.font = '40px sans-serif';
      c.fillStyle = '#15322c';
      c.fillText(text, 190, y);
    });
    [0.16, 0.26, 0.2, 0.34, 0.3, 0.44].forEach((share, index) => {
      const height = share * 900 + Math.sin(time + index) * 3;
      fill(c, index === 5 ? '#0b6a5d' : '#b9d8cf', () => c.roundRect(700 + index * 84, 620 - height, 60, height, 10));
    });
  }

  function fill(c, style, path) {
    c.fillStyle = style;
    c.beginPath();
    path();
    c.fill();
  }
}

// A crowd for pages at their sizes of window: people without a page of their own, each with a painted picture.

/** The crowd's names, beside those of the two pages that are looked at. */
export const names = ['Ben', 'Cleo', 'Dan', 'Eleonora Winterbottom', 'Fadi', 'Gerda', 'Hiroshi', 'Ines'];

/** Desktop windows, in CSS pixels; 640×360 is 1280×720 at a zoom of 200 %. */
export const desktop = { 1280: [1280, 720], 1920: [1920, 1080], zoomed: [640, 360] };
export const phone = { 320: [320, 640], portrait: [390, 844], landscape: [844, 390] };

/** Runs in a page: connects one person for each name, each with a painted picture. */
export async function publish({ session, names, screen = false }) {
  const { connect } = await import(new URL('sdk/chattok.js', document.baseURI));
  globalThis.people ??= new Map();
  globalThis.screens ??= [];
  for (const name of names) {
    if (!globalThis.people.has(name)) globalThis.people.set(name, await connect({ url: location.origin, session, data: name, persist: false }));
    const person = globalThis.people.get(name);
    const media = await (screen ? navigator.mediaDevices.getDisplayMedia() : navigator.mediaDevices.getUserMedia({ video: true }));
    const publication = await person.publish(media, { videoType: screen ? 'SCREEN' : 'CAMERA' });
    if (screen) globalThis.screens.push(publication);
  }
}

/** Runs in a page: waits until the effects of a resize are drawn. */
export async function settle() {
  for (let n = 0; n < 6; n++) await new Promise((done) => requestAnimationFrame(done));
  await Promise.allSettled(document.getAnimations().map((each) => (each.effect.getTiming().iterations === Infinity ? undefined : each.finished)));
  for (let n = 0; n < 2; n++) await new Promise((done) => requestAnimationFrame(done));
}

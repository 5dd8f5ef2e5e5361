// The commands are to be copied, so they name the address this page was reached by.
for (const place of document.querySelectorAll('[data-endpoint]')) {
  place.textContent = new URL('graphql', document.baseURI).href;
}

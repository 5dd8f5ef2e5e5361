// The page of OpenTok's tutorial "Using signals to pass real-time data", written anew. Video works as it did then: a session of
// TB, laid out by OT_Widget. The page of 2011 sent a signal after each post, and the others fetched the sender's latest entry, so
// that they missed the first of two quick posts. Here the session delivers every entry itself, once and in order.
const { session: sessionId, token } = document.body.dataset;
const [entries, form, words, trouble] = ['entries', 'say', 'words', 'trouble'].map((id) => document.getElementById(id));

const session = TB.initSession(sessionId);
TB.addEventListener('exception', ({ message }) => (trouble.textContent = message));
session.addEventListener('sessionDisconnected', () => (trouble.textContent = 'You have left the session.'));
OT_Widget.init(session, 'videos'); // as large as the page's style makes it
addEventListener('resize', OT_LayoutContainer.layout);
session.connect('0', token); // any API key will do: the token says what this page may
session.chattok?.on('entry', show); // at once, since entries may come before sessionConnected

function show({ connectionId, connection, body }) {
  const mine = connectionId === session.connection?.connectionId;
  const entry = document.createElement('li');
  const author = document.createElement('b');
  author.textContent = mine ? 'You' : connection.data || connectionId.slice(0, 6); // data is what the token or the backend says
  entry.className = mine ? 'mine' : 'theirs';
  entry.append(author, ' ', body);
  entries.append(entry);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!session.chattok) return; // the page has said why, and the text stays in the field
  // A post waits while the network is away. It is only refused for a reason that the user should read.
  session.chattok.post(words.value).catch(({ message }) => (trouble.textContent = message));
  words.value = '';
});

// The three operations of the tutorial, one a tab. Each runs as it stands, as a guest in the session "lobby". Their
// comments keep to 46 columns, which is what half of a small laptop's window shows.
export const tutorial = [
  {
    query: `# 1. Listen. Press ▶ and leave it running, also
# when you change to another tab. What it hears
# stands on the right, newest last; ■ stops it.
#
# To go on after a break with nothing missing,
# say entryAdded(after: "the last cursor").
subscription Listen {
  entryAdded {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}
`,
  },
  {
    query: `# 2. Post. Whoever listens has the entry at
# once, and it is on disk when you are answered.
#
# As a guest you choose your own name. To be a
# connection of a session instead, run
#   mutation { connect(sessionId: "room") {
#     accessToken connection { id } } }
# put the token into the Headers pane below,
#   { "Authorization": "Bearer …" }
# and post with the connection's id.
mutation Post {
  addChatEntry(
    connectionId: "alice"
    body: "hi"
  ) {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}
`,
  },
  {
    query: `# 3. Latest. The newest entry that alice posted;
# null before her first.
query Latest {
  latestChatEntry(connectionId: "alice") {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}
`,
  },
];

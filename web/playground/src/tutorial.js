// The three operations of the tutorial, one a tab. Each runs as it stands, as a guest in the session "lobby".
export const tutorial = [
  {
    query: `# 1. Listen: press ▶ and leave it running; it goes on when you
#    change to another tab. What was received stands on the right,
#    newest last. ■ stops it.
#
#    After a break, hand back the last cursor you saw and nothing is
#    missing: entryAdded(after: "…"); "0" is the beginning.
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
    query: `# 2. Post: every listener in the session has the entry at once, and
#    it is on disk when you read the answer.
#
#    As a guest you choose your own name. To be a connection of a
#    session, run
#      mutation { connect(sessionId: "room") { accessToken connection { id } } }
#    and set the token in the Headers pane below:
#      { "Authorization": "Bearer …" }
#    connectionId is then the id you were given.
mutation Post {
  addChatEntry(connectionId: "alice", body: "hi") {
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
    query: `# 3. Latest: the newest entry that alice posted; null before her
#    first.
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

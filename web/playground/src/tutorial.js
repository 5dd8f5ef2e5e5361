// The three operations of the tutorial, one a tab. Each runs as it stands, as a guest in the session "lobby".
export const tutorial = [
  {
    query: `# 1. Listen: press ▶ and leave it running, also when
#    you change to another tab. What it receives stands
#    on the right, newest last. ■ stops it.
#    After a break, hand back the last cursor you saw,
#    and nothing is missing: entryAdded(after: "…").
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
    query: `# 2. Post: everyone who listens has the entry at once,
#    and it is on disk when you read the answer.
#    As a guest you choose your own name. To be a
#    connection of a session instead, run
#      mutation { connect(sessionId: "room") {
#        accessToken connection { id } } }
#    and put the token into the Headers pane below:
#      { "Authorization": "Bearer …" }
#    Your connectionId is then the id you were given.
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
    query: `# 3. Latest: the newest entry that alice posted;
#    null before her first.
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

// The tutorial: three operations, one per tab. Each runs without changes, as a guest in the session "lobby". Their comments
// are at most 46 columns wide, to fit half the window of a small laptop; long comments come last, so that phones show the
// operation.
export const tutorial = [
  {
    query: `# 1. Listen: press ▶ and leave it running.
subscription Listen {
  entryAdded {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}

# It goes on when you change to another tab; the
# newest entry is the last one shown. ■ stops it.
#
# To go on after a break with nothing missing,
# say entryAdded(after: "the last cursor").
`,
  },
  {
    query: `# 2. Post: whoever listens has it at once.
mutation Post {
  addChatEntry(connectionId: "alice", body: "hi") {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}

# The entry is on disk when you are answered.
#
# As a guest you choose your own name. To be a
# connection of a session instead, run
#   mutation { connect(sessionId: "room") {
#     accessToken connection { id } } }
# put the token into the Headers pane below,
#   { "Authorization": "Bearer …" }
# and post with the connection's id.
`,
  },
  {
    query: `# 3. Latest: the newest entry that alice posted.
query Latest {
  latestChatEntry(connectionId: "alice") {
    seq
    cursor
    connectionId
    body
    createdAt
  }
}

# It is null before her first.
`,
  },
];

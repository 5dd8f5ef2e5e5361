package web

import "embed"

// appFiles is the page itself, playgroundFiles the playground, as `npm run build` in web/app and web/playground makes them;
// `npm run check` there says whether they are current. Their folders are the paths that browsers ask for: the page, and
// below assets what it loads, gzip-compressed.
var (
	//go:embed all:app/dist
	appFiles embed.FS
	//go:embed all:playground/dist
	playgroundFiles embed.FS
)

// sdkFiles is what `npm run build` in web/sdk makes; `npm run check` there says whether it is current.
//
//go:embed sdk/dist
var sdkFiles embed.FS

// opentokFiles is what `npm run build` in web/opentok makes; `npm run check` there says whether it is current.
//
//go:embed opentok/dist
var opentokFiles embed.FS

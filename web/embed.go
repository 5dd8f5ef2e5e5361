package web

import "embed"

// adminFiles, appFiles and playgroundFiles are the builds of web/admin, web/app and web/playground (`npm run build`; `npm run check`
// verifies them). Paths in these folders are URL paths. The files below assets are gzip-compressed.
var (
	//go:embed all:admin/dist
	adminFiles embed.FS
	//go:embed all:app/dist
	appFiles embed.FS
	//go:embed all:playground/dist
	playgroundFiles embed.FS
)

// sdkFiles is the build of web/sdk (`npm run build`; `npm run check` verifies it).
//
//go:embed sdk/dist
var sdkFiles embed.FS

// opentokFiles is the build of web/opentok (`npm run build`; `npm run check` verifies it).
//
//go:embed opentok/dist
var opentokFiles embed.FS

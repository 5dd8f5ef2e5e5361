package session

// ExportQuery selects the next lines of an export.
type ExportQuery struct {
	SessionID string // only this session; empty for the whole database
	After     string // Next of the page before; empty for the first page
}

// ExportPage is some lines of an export, in the format of docs/export.md. Each page is of one state of the database.
type ExportPage struct {
	Lines   string // each with a line feed at its end
	Next    string // leads to the next page; empty where this is the last one
	Entries *int64 // how many entries the export has, as of its first page; nil for other pages
}

// MaxExportPageBytes is about the largest ExportPage.Lines. An entry that changes while it is exported, with reactions of ten
// thousands of people, may make one larger.
const MaxExportPageBytes = 2 << 20

// MaxExportCursorBytes is the longest ExportPage.Next.
const MaxExportCursorBytes = 4096

// ExportMismatch is the error for an After that no page of this export has given.
func ExportMismatch() *Error {
	return Errorf(CodeBadUserInput, "after is not a place in this export; begin again without it").WithReason(ReasonCursorMismatch)
}

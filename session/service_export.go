package session

import "context"

// ExportPage returns the next lines of an export, for the holder of the API secret. Errors: UNAUTHENTICATED, FORBIDDEN, NOT_FOUND;
// BAD_USER_INPUT with ReasonCursorMismatch; UNAVAILABLE.
func (s *Service) ExportPage(ctx context.Context, c Caller, q ExportQuery) (*ExportPage, error) {
	if err := c.operator(); err != nil {
		return nil, err
	}
	if len(q.After) > MaxExportCursorBytes {
		return nil, ExportMismatch()
	}
	return s.cfg.Store.ExportPage(ctx, q)
}

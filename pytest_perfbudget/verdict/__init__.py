"""Budget, baseline and evidence in; findings out. Pure: nothing here opens a socket or knows a driver."""

-- name: pb102_wide
SELECT * FROM wide;

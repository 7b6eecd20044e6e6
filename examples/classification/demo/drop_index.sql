-- The migration of the demonstration: the index behind "latest classification of a business" goes.
DROP INDEX classifications_business_idx;

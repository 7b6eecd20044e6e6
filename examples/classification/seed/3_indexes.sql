-- Keys and indexes, after the load: one sort each instead of one descent per row.
SET maintenance_work_mem = '128MB';
-- A GIN index built by several workers at once may be laid out differently each time.
SET max_parallel_maintenance_workers = 0;

ALTER TABLE industry_codes ADD PRIMARY KEY (code);
ALTER TABLE keywords ADD PRIMARY KEY (keyword_id);
ALTER TABLE keyword_industries ADD PRIMARY KEY (keyword_id, industry_code);
ALTER TABLE businesses ADD PRIMARY KEY (business_id);
ALTER TABLE business_keywords ADD PRIMARY KEY (business_id, keyword_id);
ALTER TABLE classifications ADD PRIMARY KEY (classification_id);

CREATE UNIQUE INDEX keywords_word_idx ON keywords (word);
CREATE INDEX business_keywords_keyword_idx ON business_keywords (keyword_id, business_id);
CREATE INDEX businesses_search_idx ON businesses USING gin (search);
CREATE UNIQUE INDEX businesses_registration_idx ON businesses (registration);
CREATE INDEX businesses_industry_idx ON businesses (industry_code, employees DESC);
CREATE INDEX industry_codes_sector_idx ON industry_codes (sector);
CREATE INDEX classifications_business_idx ON classifications (business_id, classified_at DESC);
CREATE INDEX classifications_current_idx ON classifications (industry_code, confidence, business_id) WHERE is_current;
CREATE INDEX classifications_review_idx ON classifications (confidence, classification_id) WHERE status = 'unreviewed';
CREATE INDEX classifications_classified_at_idx ON classifications USING brin (classified_at) WITH (pages_per_range = 16);

ALTER TABLE industry_codes ADD FOREIGN KEY (parent_code) REFERENCES industry_codes;
ALTER TABLE keyword_industries ADD FOREIGN KEY (keyword_id) REFERENCES keywords,
                               ADD FOREIGN KEY (industry_code) REFERENCES industry_codes;
ALTER TABLE businesses ADD FOREIGN KEY (industry_code) REFERENCES industry_codes;
ALTER TABLE business_keywords ADD FOREIGN KEY (business_id) REFERENCES businesses,
                              ADD FOREIGN KEY (keyword_id) REFERENCES keywords;
ALTER TABLE classifications ADD FOREIGN KEY (business_id) REFERENCES businesses,
                            ADD FOREIGN KEY (industry_code) REFERENCES industry_codes;

-- The same rows on every machine: integer arithmetic only, no random(), no clock, every INSERT ordered.
-- (i * prime) % modulus scatters; another prime modulus per column makes columns independent of each other;
-- u⁴ / M⁴ turns evenly spread u in 0..M-1 into ranks that follow a power law (rank 0 is the commonest).

-- 20 sectors, 200 divisions, 1,000 classes.
WITH words AS (
    SELECT string_to_array('Crops,Mining,Food,Textiles,Chemicals,Machinery,Energy,Water,Construction,Trade,Transport,Lodging,Media,Software,Finance,Property,Science,Education,Health,Arts', ',') AS sectors,
           string_to_array('primary,secondary,general,special,wholesale,retail,contract,mobile,regional,export', ',') AS divisions,
           string_to_array('production,services,repair,rental,consulting', ',') AS classes
), codes AS (
    SELECT chr(65 + s) AS code, NULL AS parent_code, chr(65 + s) AS sector, 1 AS level, sectors[s + 1] AS title
    FROM words, generate_series(0, 19) s
    UNION ALL
    SELECT chr(65 + s) || lpad(d::text, 2, '0'), chr(65 + s), chr(65 + s), 2, sectors[s + 1] || ', ' || divisions[d + 1]
    FROM words, generate_series(0, 19) s, generate_series(0, 9) d
    UNION ALL
    SELECT chr(65 + n / 50) || lpad((n % 50 / 5)::text, 2, '0') || n % 5,
           chr(65 + n / 50) || lpad((n % 50 / 5)::text, 2, '0'), chr(65 + n / 50), 3,
           sectors[n / 50 + 1] || ', ' || divisions[n % 50 / 5 + 1] || ' ' || classes[n % 5 + 1]
    FROM words, generate_series(0, 999) n
)
INSERT INTO industry_codes (code, parent_code, sector, level, title, description)
SELECT code, parent_code, sector, level, title,
       'Units mainly engaged in ' || lower(title) || '. Includes own-account work, work on a fee or contract basis and '
       'the sale of by-products. Excludes units that only hold such assets, which belong to sector O, and public '
       'administration of the activity.'
FROM codes ORDER BY code COLLATE "C";

-- 2,001 keywords: 49 qualities × 41 trades, cut.
WITH words AS (
    SELECT string_to_array('local,organic,modern,family,mobile,digital,certified,emergency,custom,premium,regional,seasonal,automated,discount,portable,handmade,licensed,sustainable,urban,coastal,alpine,industrial,medical,nautical,botanical,historic,acoustic,thermal,solar,precision,vintage,modular,bespoke,artisan,wireless,robotic,forensic,veterinary,orthopaedic,theatrical,ceremonial,astronomical,archival,subsea,cryogenic,pyrotechnic,volcanic,falconry,heraldic', ',') AS qualities,
           string_to_array('restaurant,plumbing,bakery,carpentry,accounting,logistics,cleaning,landscaping,printing,catering,roofing,tailoring,brewing,welding,masonry,upholstery,glazing,joinery,packaging,translation,photography,surveying,dentistry,optics,pharmacy,insurance,brokerage,tutoring,floristry,jewellery,pottery,beekeeping,forestry,fishing,quarrying,foundry,weaving,tanning,bookbinding,clockmaking,taxidermy', ',') AS trades
)
INSERT INTO keywords (keyword_id, word, definition)
SELECT id, qualities[(id - 1) / 41 + 1] || ' ' || trades[(id - 1) % 41 + 1],
       'Offers of ' || trades[(id - 1) % 41 + 1] || ' that customers would call ' || qualities[(id - 1) / 41 + 1]
       || '; given by the business itself or found on its pages, checked against the register of trades once a year.'
FROM words, generate_series(1, 2001) id ORDER BY id;

-- Five industries for each keyword.
INSERT INTO keyword_industries (keyword_id, industry_code, weight)
SELECT id, chr(65 + n / 50) || lpad((n % 50 / 5)::text, 2, '0') || n % 5, (950 - 170 * j + id % 37) / 1000.0
FROM generate_series(1, 2001) id, generate_series(0, 4) j, LATERAL (SELECT (id * 17 + j * 211) % 1000 AS n) leaf
ORDER BY id, j;

-- Two or three keywords for each of 200,000 businesses. The slot is part of the keyword, so no business has one twice.
INSERT INTO business_keywords (business_id, keyword_id)
SELECT i, 1 + slot + 3 * (667 * u * u * u * u / (m * m * m * m))
FROM generate_series(1, 200000) i, generate_series(0, 2) slot,
     LATERAL (SELECT (ARRAY[10007, 9973, 9967])[slot + 1]::bigint AS m) modulus,
     LATERAL (SELECT (i * 7919::bigint + slot * 31) % m AS u) spread
WHERE slot < 2 OR i % 4 = 0
ORDER BY i, slot;

-- Businesses: the commonest industry has 12 % of them, the rarest 0.03 %.
WITH words AS (
    SELECT string_to_array('Miller,Garcia,Novak,Rossi,Jensen,Kowalski,Dubois,Schmidt,Okafor,Tanaka,Silva,Popescu,Larsen,Horvat,Moreau,Bauer,Costa,Nagy,Virtanen,Petrov,Janssen,Murphy,Weber,Ferrari,Lindqvist,Papadopoulos,Yilmaz,Chen,Haddad,Mensah,Kaplan,Oliveira,Sato,Ionescu,Berg,Dvorak,Leclerc,Romano,Fischer,Andersen,Sorensen,Zielinski,Vasquez,Thorvaldsen,Quispe,Obermeier,Featherstone,Winterbottom', ',') AS families,
           string_to_array('Lisbon,Porto,Madrid,Seville,Lyon,Nantes,Ghent,Utrecht,Bremen,Leipzig,Graz,Zurich,Turin,Bari,Zagreb,Ljubljana,Brno,Gdansk,Vilnius,Riga,Tartu,Turku,Bergen,Aarhus,Malmo,Cork,Leeds,Cardiff,Dundee,Patras,Varna', ',') AS cities,
           string_to_array('Ltd,and Sons,Group,Partners,Works,Cooperative,Studio', ',') AS forms
)
INSERT INTO businesses (business_id, employees, registration, industry_code, city, name, description)
SELECT i, 1 + 9000 * w * w * w / 10039 / 10039 / 10039, chr(65 + i % 26) || chr(65 + i / 26 % 26) || lpad((i * 7919::bigint % 9999991)::text, 7, '0'),
       chr(65 + n / 50) || lpad((n % 50 / 5)::text, 2, '0') || n % 5,
       cities[i * 37::bigint % 31 + 1],
       families[48 * f * f * f / 9949 / 9949 / 9949 + 1] || ' ' || initcap(split_part(first.word, ' ', 2)) || ' ' || forms[i % 7 + 1],
       first.word || ' and ' || second.word
FROM words, generate_series(1, 200000) i
JOIN business_keywords f1 ON f1.business_id = i AND f1.keyword_id % 3 = 1 JOIN keywords first ON first.keyword_id = f1.keyword_id
JOIN business_keywords f2 ON f2.business_id = i AND f2.keyword_id % 3 = 2 JOIN keywords second ON second.keyword_id = f2.keyword_id,
     LATERAL (SELECT i * 6271::bigint % 10009 AS u, i * 4253::bigint % 9949 AS f, i * 3571::bigint % 10039 AS w) spread,
     LATERAL (SELECT (1000 * greatest(u - 200, 0) * greatest(u - 200, 0) * greatest(u - 200, 0) / 10009 / 10009 / 10009 * 389 % 1000)::int AS n) leaf
ORDER BY i;

-- History: 1 to 16 classifications of a business, round after round; the last one is the current one. Every third
-- earlier one was of another class of the same division.
INSERT INTO classifications (business_id, classified_at, status, is_current, industry_code, confidence)
SELECT business_id, timestamptz '2022-01-01 00:00:00+00' + (row_number() OVER history) * interval '150 seconds',
       CASE WHEN round < rounds AND u % 5 = 0 THEN classification_status 'rejected'
            WHEN round = rounds AND u % 8 = 0 THEN 'unreviewed' ELSE 'confirmed' END,
       round = rounds,
       CASE WHEN round < rounds AND u % 3 = 0 THEN left(industry_code, 3) || (right(industry_code, 1)::int + 1) % 5
            ELSE industry_code END,
       (250 + u * 749 / 10037) / 1000.0
FROM generate_series(1, 16) round, businesses,
     LATERAL (SELECT business_id * 7907::bigint % 1009 AS r) spread,
     LATERAL (SELECT CASE WHEN r < 310 THEN 1 WHEN r < 560 THEN 2 WHEN r < 750 THEN 3 WHEN r < 860 THEN 4
                          WHEN r < 940 THEN 6 WHEN r < 990 THEN 9 ELSE 16 END AS rounds) length,
     LATERAL (SELECT (business_id * 5519::bigint + round * 3301) % 10037 AS u, business_id * 7727::bigint % 200003 AS place) scatter
WHERE round <= rounds
WINDOW history AS (ORDER BY round, place)
ORDER BY round, place;

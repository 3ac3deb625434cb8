-- Each page gets a summary, which begins as its first words.
ALTER TABLE pages ADD COLUMN summary TEXT NOT NULL DEFAULT '';
UPDATE pages SET summary = substr(body, 1, 60) || '...';

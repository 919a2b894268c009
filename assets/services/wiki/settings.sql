-- What makes a repository of fossil a wiki for whoever comes: of one that is new, and of one that is taken in.
UPDATE user SET cap = 'hj' WHERE login IN ('nobody', 'anonymous');
-- Whoever comes is this guest, who reads (j), writes (k) and makes (f) pages, and sees what was there (h).
INSERT INTO user(login, pw, cap, info) VALUES ('guest', lower(hex(randomblob(20))), 'hjkf', '');
REPLACE INTO config(name, value, mtime) VALUES
 ('remote_user_ok', '1', strftime('%s', 'now')),
 ('project-name', 'Wiki', strftime('%s', 'now')),
 ('index-page', '/wiki?name=Home', strftime('%s', 'now')),
 ('home-page-only', '0', strftime('%s', 'now')),
 ('autosync', '0', strftime('%s', 'now')),
 ('mainmenu', 'Pages /wcontent * {}' || char(10) || 'New /wikinew k {}' || char(10) || 'History /timeline?y=w * {}', strftime('%s', 'now'));

<?php

// What composer would write: where the classes are. Guzzle is Debian's package php-guzzlehttp-guzzle.

declare(strict_types=1);

require 'GuzzleHttp/autoload.php';

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Astral\\')) {
        require __DIR__ . '/client/lib/' . strtr(substr($class, strlen('Astral\\')), '\\', '/') . '.php';
    }
});

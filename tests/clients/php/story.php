<?php

// What an integration does in its first hour, with the generated client.

declare(strict_types=1);

use Astral\Api\APIKeysApi;
use Astral\Api\AuthenticationApi;
use Astral\Api\MembersApi;
use Astral\ApiException;
use Astral\Configuration;
use Astral\Model\CreatedApiKey;
use Astral\Model\Login;
use Astral\Model\MemberPage;
use Astral\Model\NewApiKey;
use Astral\Model\NewMember;
use Astral\Model\Problem;
use Astral\Model\Scope;
use Astral\Model\Session;

require __DIR__ . '/autoload.php';

function expect(bool $condition, string $message): void
{
    if (!$condition) {
        throw new RuntimeException($message);
    }
}

function configuration(string $credential = ''): Configuration
{
    return (new Configuration())->setHost((string) getenv('ASTRAL_URL'))->setAccessToken($credential);
}

/** The code of the problem with which a call is refused. */
function code_of(int $status, callable $call): string
{
    try {
        $call();
    } catch (ApiException $refused) {
        $problem = $refused->getResponseObject();
        expect($problem instanceof Problem, 'expected a problem, got ' . $refused->getMessage());
        expect($refused->getCode() === $status && $problem->getStatus() === $status, $refused->getMessage());
        expect($problem->getDetail() !== '' && $problem->getRequestId() !== '', $refused->getMessage());
        return $problem->getCode();
    }
    throw new RuntimeException('the call went through');
}

$organization = (string) getenv('ASTRAL_ORGANIZATION');

$session = (new AuthenticationApi(config: configuration()))->login(
    new Login(['email' => getenv('ASTRAL_EMAIL'), 'password' => getenv('ASTRAL_PASSWORD')]),
);
expect($session instanceof Session, 'expected a session');
$coach = new APIKeysApi(config: configuration($session->getToken()));

$key = $coach->createApiKey($organization, new NewApiKey(['name' => 'PHP story', 'scopes' => [Scope::MEMBERS_READ]]));
expect($key instanceof CreatedApiKey, 'expected a key');
$program = new MembersApi(config: configuration($key->getSecret()));

$pages = 0;
$members = [];
$cursor = null;
do {
    $page = $program->listMembers($organization, limit: 3, cursor: $cursor);
    expect($page instanceof MemberPage, 'expected a page');
    $pages++;
    foreach ($page->getData() as $member) {
        $members[$member->getId()] = true;
    }
    $cursor = $page->getNextCursor();
} while ($cursor !== null);

$nobody = new NewMember(['display_name' => 'Nobody']);
$wrongScope = code_of(403, fn () => $program->createMember($organization, $nobody));

$coach->revokeApiKey($organization, $key->getId(), reason: 'The story is over');

$refusedKey = code_of(401, fn () => $program->listMembers($organization));

printf(
    "story: signed in, created a key, %d pages of %d members, %s, revoked, %s\n",
    $pages,
    count($members),
    $wrongScope,
    $refusedKey,
);
